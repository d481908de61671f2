package helix.shell;

import helix.shell.blk.Bench;
import helix.shell.blk.Fill;
import helix.shell.blk.LsBlk;
import helix.shell.blk.Read;
import helix.shell.blk.Serve;
import helix.shell.blk.Soak;
import helix.shell.blk.Stat;
import helix.shell.blk.Unserve;
import helix.shell.blk.Verify;
import helix.shell.blk.Write;
import helix.shell.deploy.Deploy;
import helix.shell.deploy.ListDeployments;
import helix.shell.doctor.Doctor;
import helix.shell.machine.Attach;
import helix.shell.machine.Detach;
import helix.shell.machine.Fault;
import helix.shell.machine.ListMachines;
import helix.shell.machine.Plug;
import helix.shell.machine.Unplug;
import helix.shell.net.BridgeTap;
import helix.shell.net.CaptureFrames;
import helix.shell.net.Dhcp;
import helix.shell.net.Fetch;
import helix.shell.net.Forward;
import helix.shell.net.LsNet;
import helix.shell.net.NetStat;
import helix.shell.net.Ping;
import helix.shell.net.PktGen;
import helix.shell.net.Send;
import helix.shell.nvme.ErrorLog;
import helix.shell.nvme.IdCtrl;
import helix.shell.nvme.IdNs;
import helix.shell.nvme.SmartLog;
import helix.shell.pci.LsPci;
import helix.shell.reload.Reload;
import helix.shell.reload.Reports;
import helix.shell.reload.Rollback;
import helix.shell.reload.Update;
import helix.shell.tree.Bind;
import helix.shell.tree.Devices;
import helix.shell.tree.Drivers;
import helix.shell.tree.Health;
import helix.shell.tree.Rebind;
import helix.shell.tree.Unbind;
import helix.shell.tree.Why;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;

/// All commands by their full names, `scope:name`.
public final class Catalog {
    private final Map<String, Supplier<ShellCommand>> commands = new LinkedHashMap<>();
    private final Platform platform;

    /// Makes the catalog.
    ///
    /// @param platform what the commands see
    public Catalog(Platform platform) {
        this.platform = platform;
        add("helix:devices", Devices::new);
        add("helix:drivers", Drivers::new);
        add("helix:lspci", LsPci::new);
        add("helix:lsblk", LsBlk::new);
        add("helix:lsnet", LsNet::new);
        add("helix:why", Why::new);
        add("helix:health", Health::new);
        add("helix:bind", Bind::new);
        add("helix:unbind", Unbind::new);
        add("helix:rebind", Rebind::new);
        add("helix:deploy", Deploy::new);
        add("helix:deployments", ListDeployments::new);
        add("helix:update", Update::new);
        add("helix:reload", Reload::new);
        add("helix:rollback", Rollback::new);
        add("helix:reports", Reports::new);
        add("helix:doctor", Doctor::new);
        add("helix:attach", Attach::new);
        add("helix:detach", Detach::new);
        add("blk:read", Read::new);
        add("blk:write", Write::new);
        add("blk:fill", Fill::new);
        add("blk:verify", Verify::new);
        add("blk:bench", Bench::new);
        add("blk:soak", Soak::new);
        add("blk:stat", Stat::new);
        add("blk:serve", Serve::new);
        add("blk:unserve", Unserve::new);
        add("net:list", LsNet::new);
        add("net:stat", NetStat::new);
        add("net:send", Send::new);
        add("net:pktgen", PktGen::new);
        add("net:forward", Forward::new);
        add("net:dhcp", Dhcp::new);
        add("net:ping", Ping::new);
        add("net:fetch", Fetch::new);
        add("net:capture", CaptureFrames::new);
        add("net:bridge", BridgeTap::new);
        add("nvme:id-ctrl", IdCtrl::new);
        add("nvme:id-ns", IdNs::new);
        add("nvme:smart-log", SmartLog::new);
        add("nvme:error-log", ErrorLog::new);
        add("machine:list", ListMachines::new);
        add("machine:plug", Plug::new);
        add("machine:unplug", Unplug::new);
        add("machine:fault", Fault::new);
    }

    private void add(String name, Function<Platform, ShellCommand> command) {
        commands.put(name, () -> command.apply(platform));
    }

    /// The commands.
    ///
    /// @return makes a command for a call, by full name
    public Map<String, Supplier<ShellCommand>> commands() {
        return commands;
    }

    /// The commands as Gogo calls them, and the functions behind TAB.
    ///
    /// @return by full name
    public Map<String, org.apache.felix.service.command.Function> functions() {
        Map<String, org.apache.felix.service.command.Function> functions = new LinkedHashMap<>();
        commands.forEach(
                (name, factory) -> functions.put(name, new CommandFunction(name, factory)));
        functions.putAll(new Completion(platform, commands).functions());
        return functions;
    }
}
