package helix.shell;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import helix.block.api.Disk;
import helix.hal.api.machine.Machine;
import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Binder.ModuleHealth;
import helix.shell.FakePlatform.FakeBinder;
import helix.shell.FakePlatform.FakeControl;
import helix.shell.FakePlatform.FakeDisk;
import helix.shell.FakePlatform.FakeMachine;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The commands through the real Gogo, against a platform made by hand.
final class CommandsTest {
    private final FakePlatform platform = FakePlatform.zoo();
    private final FakeBinder binder = (FakeBinder) platform.binder;
    private final GogoShell shell = new GogoShell(platform);

    @AfterEach
    void close() {
        shell.close();
    }

    @Test
    void lspciPrintsOneArrayWithADriverForEachFunction() throws Exception {
        JsonArray functions = shell.json("helix:lspci --json").getAsJsonArray();
        assertThat(functions).hasSize(5);
        for (JsonElement e : functions) {
            assertThat(e.getAsJsonObject().keySet())
                    .contains("address", "vendor", "device", "class", "driver", "machine");
        }
        JsonObject nvme = functions.get(4).getAsJsonObject();
        assertThat(nvme.get("address").getAsString()).isEqualTo("0000:01:00.0");
        assertThat(nvme.get("vendor").getAsString()).isEqualTo("1b36");
        assertThat(nvme.get("device").getAsString()).isEqualTo("0010");
        assertThat(nvme.get("class").getAsString()).isEqualTo("010802");
        assertThat(nvme.get("driver").getAsString()).isEqualTo("nvme");
        assertThat(nvme.get("machine").getAsString()).isEqualTo("qemu");
        assertThat(functions.get(0).getAsJsonObject().get("driver").isJsonNull()).isTrue();
    }

    @Test
    void lspciNamesNoDriverOnceItsModuleHasStopped() throws Exception {
        Binder.ModuleStatus m = binder.modules.getFirst();
        binder.modules.set(
                0,
                new Binder.ModuleStatus(
                        m.name(),
                        m.deviceId(),
                        m.driver(),
                        m.version(),
                        m.generation(),
                        Binder.State.STOPPED,
                        "",
                        List.of()));
        JsonObject nvme =
                shell.json("helix:lspci --json nvme0").getAsJsonArray().get(0).getAsJsonObject();
        assertThat(nvme.get("driver").isJsonNull()).isTrue();
        assertThat(nvme.get("state").getAsString()).isEqualTo("STOPPED");
    }

    @Test
    void lspciTextHasEachFunctionOfTheJson() throws Exception {
        JsonArray functions = shell.json("lspci --json").getAsJsonArray();
        List<String> lines = shell.execute("lspci -nn").lines().toList();
        assertThat(lines).hasSameSizeAs(functions);
        for (int i = 0; i < lines.size(); i++) {
            JsonObject f = functions.get(i).getAsJsonObject();
            assertThat(lines.get(i))
                    .startsWith(f.get("address").getAsString())
                    .contains(f.get("vendor").getAsString() + ":" + f.get("device").getAsString());
        }
    }

    @Test
    void lspciShowsTreeDriversAndDetails() throws Exception {
        assertThat(shell.execute("lspci -t")).contains("\n  0000:01:00.0 NVM controller");
        assertThat(shell.execute("lspci -k"))
                .contains("\tDriver: nvme (nvme0, RUNNING)")
                .contains("\tUsed by the platform: interrupts");
        assertThat(shell.execute("lspci -v 01:00.0"))
                .contains("BAR 0: memory64 at fe000000, size 16K, prefetchable")
                .contains("Capability [40]: MSI-X")
                .contains("Capability [100]: Advanced error reporting")
                .contains("Interrupt: pin a, line 11")
                .doesNotContain("0000:00:05.0");
        assertThat(shell.execute("lspci -n")).contains("0000:01:00.0 0108: 1b36:0010 (rev 02)");
    }

    @Test
    void lsblkShowsTheSameRecordAsTableAndJson() throws Exception {
        ((FakeDisk) platform.disks.getFirst())
                .users.add(new Disk.User("blk:write in shell", Disk.OpenMode.WRITE_EXCLUSIVE));
        JsonObject disk = shell.json("lsblk --json").getAsJsonArray().get(0).getAsJsonObject();
        assertThat(disk.get("name").getAsString()).isEqualTo("nvme0n1");
        assertThat(disk.get("state").getAsString()).isEqualTo("present");
        assertThat(disk.get("size").getAsLong()).isEqualTo(64L << 20);
        assertThat(disk.get("generation").getAsLong()).isEqualTo(3);
        assertThat(disk.getAsJsonArray("users").get(0).getAsJsonObject().get("mode").getAsString())
                .isEqualTo("write-exclusive");
        List<String> lines = shell.execute("lsblk").lines().toList();
        assertThat(lines).hasSize(2);
        assertThat(lines.get(1))
                .matches(
                        "nvme0n1 +present +64M +512 +QEMU NVMe Ctrl +helix-0 +7.2 +1 +0000:01:00.0"
                                + " +nvme +3 +blk:write in shell \\(write-exclusive\\)");
    }

    @Test
    void lsblkShowsAnAbsentDisk() throws Exception {
        ((FakeDisk) platform.disks.getFirst()).state = Disk.State.ABSENT;
        JsonObject disk = shell.json("lsblk --json").getAsJsonArray().get(0).getAsJsonObject();
        assertThat(disk.get("state").getAsString()).isEqualTo("absent");
        assertThat(disk.get("driver").isJsonNull()).isTrue();
        assertThat(disk.get("serial").getAsString()).isEqualTo("helix-0");
    }

    @Test
    void devicesIsATreeFromMachineToDisk() throws Exception {
        assertThat(shell.execute("devices"))
                .isEqualTo(
                        """
                        qemu (READY)
                          pci
                            0000:00:00.0 Host bridge Q35 host bridge
                            0000:00:03.0 PCI bridge PCIe root port
                              0000:01:00.0 NVM controller NVMe: nvme (nvme0, RUNNING, generation 3)
                                BlockDevice nvme0n1
                                Disk nvme0n1 present
                            0000:00:05.0 Ethernet controller RTL8139
                            0000:00:06.0 RAM Inter-VM shared memory [interrupts]
                        """);
        JsonObject machine = shell.json("devices --json").getAsJsonArray().get(0).getAsJsonObject();
        assertThat(machine.get("state").getAsString()).isEqualTo("READY");
        assertThat(machine.toString()).contains("\"disks\":[{\"name\":\"nvme0n1\"");
    }

    @Test
    void driversListsBundlesAndModules() throws Exception {
        assertThat(shell.execute("drivers")).contains("nvme  0.1.0    0000:01:00.0  NVM Express");
        assertThat(shell.execute("drivers -v"))
                .contains("helix.driver.block.nvme [17]")
                .contains("(pci.class=010802)")
                .contains("nvme0");
        JsonObject driver = shell.json("drivers --json").getAsJsonArray().get(0).getAsJsonObject();
        assertThat(driver.get("bundleId").getAsLong()).isEqualTo(17);
        assertThat(driver.getAsJsonArray("modules")).hasSize(1);
    }

    @Test
    void whyPrintsTheRulesItWasTold() throws Exception {
        assertThat(shell.execute("why nvme0n1"))
                .startsWith("0000:01:00.0 is bound to nvme, RUNNING")
                .contains("yes  driver nvme");
        JsonObject answer = shell.json("why 0000:01:00.0 --json").getAsJsonObject();
        assertThat(answer.getAsJsonArray("rules")).hasSize(2);
        assertThat(answer.get("driver").getAsString()).isEqualTo("nvme");
    }

    @Test
    void healthTellsWhatSelfHealHasCountedAndWhatComesNext() throws Exception {
        binder.health.add(new ModuleHealth("nvme0", "0000:01:00.0", 2, 7, 1, 400, false));
        binder.health.add(new ModuleHealth("nvme1", "0000:02:00.0", 5, 4, 0, -1, true));
        assertThat(shell.execute("helix:health"))
                .contains("RUNNING         2         7        1  restart in 400 ms")
                .contains("5         4        0  quarantined");
        JsonArray rows = shell.json("helix:health --json").getAsJsonArray();
        assertThat(rows).hasSize(2);
        JsonObject first = rows.get(0).getAsJsonObject();
        assertThat(first.get("nextRestartMs").getAsLong()).isEqualTo(400);
        assertThat(first.get("zombies").getAsInt()).isEqualTo(1);
        JsonObject second = rows.get(1).getAsJsonObject();
        assertThat(second.get("nextRestartMs").isJsonNull()).isTrue();
        assertThat(second.get("quarantined").getAsBoolean()).isTrue();
    }

    @Test
    void bindUnbindRebindReachTheBinderWithTheDevicesId() throws Exception {
        assertThat(shell.execute("bind 01:00.0 nvme")).contains("is bound to nvme (nvme0, RUNNING");
        shell.execute("rebind nvme0");
        assertThat(shell.execute("unbind nvme0n1")).isEqualTo("0000:01:00.0 is unbound\n");
        assertThat(binder.log)
                .containsExactly(
                        "bind 0000:01:00.0 nvme", "rebind 0000:01:00.0", "unbind 0000:01:00.0");
    }

    @Test
    void nvmePrintsTheDriversAnswer() throws Exception {
        binder.answers.put(
                "id-ctrl", new java.util.TreeMap<>(Map.of("vid", 0x1b36, "sn", "helix-0")));
        binder.answers.put(
                "id-ns", Map.of("lbafs", List.of(Map.of("lbads", 9), Map.of("lbads", 12))));
        binder.answers.put("error-log", List.of());
        assertThat(shell.execute("nvme:id-ctrl nvme0")).isEqualTo("sn  : helix-0\nvid : 6966\n");
        assertThat(shell.json("nvme:id-ctrl nvme0 --json").getAsJsonObject().get("vid").getAsInt())
                .isEqualTo(0x1b36);
        assertThat(shell.execute("id-ns nvme0n1")).contains("[1] lbads=12");
        assertThat(shell.json("error-log --json nvme0").getAsJsonArray()).isEmpty();
        assertThat(binder.log).contains("request 0000:01:00.0 id-ns {nsid=1}");
        assertThatThrownBy(() -> shell.execute("nvme:smart-log nvme0"))
                .hasMessage("no request 'smart-log' here");
        assertThatThrownBy(() -> shell.execute("nvme:id-ctrl 0000:00:05.0"))
                .hasMessage("'0000:00:05.0' is not an nvme device");
    }

    @ParameterizedTest
    @ValueSource(strings = {"why", "lspci", "unbind", "rebind", "bind", "nvme:id-ctrl"})
    void anUnknownDeviceIsOneLineThatNamesTheKnown(String command) {
        String rest = command.equals("bind") ? " nvme" : "";
        assertThatThrownBy(() -> shell.execute(command + " 0000:00:1f.7" + rest))
                .isInstanceOf(CommandFailed.class)
                .hasMessageStartingWith("no device '0000:00:1f.7' (known: 0000:00:00.0, ")
                .hasMessageNotContaining("\n");
    }

    @Test
    void machineListsAndChangesWhatItCan() throws Exception {
        FakeControl control = new FakeControl();
        platform.controls.add(control);
        assertThat(shell.execute("machine:list")).contains("qemu  READY        5    30");
        JsonObject row =
                shell.json("machine:list --json").getAsJsonArray().get(0).getAsJsonObject();
        assertThat(row.getAsJsonObject("counters").get("mmioReads").getAsLong()).isEqualTo(10);
        assertThat(shell.execute("machine:plug")).contains("nvme  a drive");
        assertThat(shell.execute("machine:unplug")).isEqualTo("drive1\n");
        assertThat(shell.json("machine:fault --json").getAsJsonArray()).hasSize(1);
        JsonObject plugged =
                shell.json("machine:plug nvme file=/x/y size=64M serial=a=b --json")
                        .getAsJsonObject();
        assertThat(plugged.get("id").getAsString()).isEqualTo("plugged0");
        assertThat(shell.execute("machine:unplug drive1")).contains("drive1 is unplugged");
        assertThat(shell.execute("fault stop millis=5 -m qemu")).isEqualTo("stopped\n");
        assertThat(control.log)
                .containsExactly(
                        "plug nvme {file=/x/y, size=64M, serial=a=b}",
                        "unplug drive1",
                        "fault stop {millis=5}");
    }

    /// `0000:01:00.0` is what the disk of the zoo is in.
    private FakeControl peers(String device) {
        FakeControl control = new FakeControl("vhostuser");
        control.plugged.put("plugged0", device);
        platform.controls.add(control);
        return control;
    }

    @Test
    void attachNamesTheDiskThatIsInService() throws Exception {
        FakeControl control = peers("0000:01:00.0");
        assertThat(shell.execute("helix:attach vhost-user:/a/b --type blk --id x"))
                .isEqualTo("plugged0 is attached: blk at /a/b, nvme0n1\n");
        assertThat(control.log).containsExactly("plug blk {path=/a/b, id=x}");
        JsonObject attached =
                shell.json("helix:attach vhost-user:/a/b --type blk --json").getAsJsonObject();
        assertThat(attached.get("name").getAsString()).isEqualTo("nvme0n1");
    }

    @Test
    void attachSaysWhyNothingIsInService() {
        peers("0001:00:01.0");
        assertThatThrownBy(() -> shell.execute("helix:attach vhost-user:/a/b --type blk"))
                .hasMessage(
                        "plugged0 is attached, but there is no disk: no driver serves 0001:00:01.0"
                                + " (see helix:why 0001:00:01.0)");
        binder.modules.add(
                new Binder.ModuleStatus(
                        "vblk0",
                        "0001:00:01.0/virtio",
                        "virtio-blk",
                        "0.1.0",
                        1,
                        Binder.State.FAILED,
                        "capacity of 0 sectors",
                        List.of()));
        assertThatThrownBy(() -> shell.execute("helix:attach vhost-user:/a/b --type blk"))
                .hasMessage(
                        "plugged0 is attached, but there is no disk: vblk0 is FAILED: capacity of 0"
                                + " sectors");
        binder.unsettled.add("0001:00:01.0/virtio");
        binder.modules.removeLast();
        assertThatThrownBy(() -> shell.execute("helix:attach vhost-user:/a/b --type net"))
                .hasMessage(
                        "plugged0 is attached, but there is no interface: not settled within 10 s:"
                                + " [0001:00:01.0/virtio]");
    }

    @Test
    void machineRefusesWhatItCannot() {
        assertThatThrownBy(() -> shell.execute("machine:plug nvme"))
                .hasMessage("no machine here can be changed by hand");
        platform.controls.add(new FakeControl());
        assertThatThrownBy(() -> shell.execute("machine:plug disk"))
                .hasMessage("no kind of hardware 'disk' (known: nvme)");
        assertThatThrownBy(() -> shell.execute("machine:plug nvme 64M"))
                .hasMessage("'64M' is no option (expected key=value)");
        assertThatThrownBy(() -> shell.execute("machine:plug nvme size=1 size=2"))
                .hasMessage("option 'size' is given twice");
        assertThatThrownBy(() -> shell.execute("machine:unplug x"))
                .hasMessage("no plugged hardware 'x' (known: drive1)");
        assertThatThrownBy(() -> shell.execute("machine:fault x"))
                .hasMessage("no fault 'x' (known: stop)");
        assertThatThrownBy(() -> shell.execute("machine:fault -m sim"))
                .hasMessage("no machine 'sim' (known: qemu)");
    }

    @Test
    void wrongWordsAreOneLine() {
        assertThatThrownBy(() -> shell.execute("lsblk --jsno"))
                .isInstanceOf(CommandFailed.class)
                .hasMessage("helix:lsblk: Unknown option: '--jsno' (see helix:lsblk --help)");
        assertThatThrownBy(() -> shell.execute("why"))
                .hasMessageContaining("helix:why: Missing required parameter: '<device>'");
        assertThatThrownBy(() -> shell.execute("bind nvme0 nvmee"))
                .hasMessage("no driver 'nvmee' (known: nvme)");
    }

    @Test
    void withoutAMachineTheLineNamesTheSetup() {
        platform.machines.clear();
        platform.devices.clear();
        platform.disks.clear();
        platform.binder = null;
        for (String command : List.of("lspci", "lsblk", "devices")) {
            assertThatThrownBy(() -> shell.execute(command)).hasMessage(Platform.NO_MACHINE);
        }
        assertThatThrownBy(() -> shell.execute("drivers")).hasMessageContaining("helix.modules");
    }

    @Test
    void aFailedMachineSaysWhy() {
        platform.devices.clear();
        platform.machines.set(
                0, new FakeMachine("qemu", new Machine.Status(Machine.State.FAILED, "exit 1")));
        assertThatThrownBy(() -> shell.execute("lspci"))
                .hasMessage("machine 'qemu' is FAILED: exit 1");
    }

    @Test
    void outputGoesWhereTheRedirectionLeads(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("disks.json");
        assertThat(shell.execute("lsblk --json > " + file)).isEmpty();
        assertThat(file).content().contains("\"name\":\"nvme0n1\"");
    }

    @Test
    void everyCommandHasHelpInItsOwnName() throws Exception {
        for (String name : new Catalog(platform).commands().keySet()) {
            assertThat(shell.execute(name + " --help")).startsWith("Usage: " + name + " ");
        }
    }
}
