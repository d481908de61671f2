package helix.integration.drivers.nvme;

import helix.driver.block.nvme.NvmeDriver;
import helix.hal.api.Deadline;
import helix.modules.api.Event;
import helix.modules.api.Module;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleInfo;
import helix.modules.api.ModuleState;
import helix.modules.api.Rehearsal;
import helix.modules.api.Request;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/// The real driver, for others to break.
abstract class WrappedNvme implements Module {
    /// System property: when a defect showed, as `System.nanoTime`.
    static final String BROKE = "helix.it.broke";

    /// System property: `true` ends everything that hangs.
    static final String RELEASE = "helix.it.release";

    /// After what time a defect shows that is not to show at once: the update has ended then.
    static final long LATER_NANOS = 300_000_000;

    private final NvmeDriver driver;

    WrappedNvme(NvmeDriver driver) {
        this.driver = driver;
    }

    /// Notes that the defect shows now.
    static void broke() {
        System.setProperty(BROKE, Long.toString(System.nanoTime()));
    }

    /// Never returns, whoever interrupts it; takes no processor time, which others need.
    static void hang() {
        broke();
        while (!Boolean.getBoolean(RELEASE)) {
            LockSupport.parkNanos(1_000_000);
            boolean _ = Thread.interrupted();
        }
    }

    @Override
    public ModuleInfo info(ModuleContext context) {
        return driver.info(context);
    }

    @Override
    public void init(ModuleContext context) throws Exception {
        driver.init(context);
    }

    @Override
    public Optional<ModuleState.Schema> stateSchema() {
        return driver.stateSchema();
    }

    @Override
    public ModuleState migrate(ModuleState older) throws Exception {
        return driver.migrate(older);
    }

    @Override
    public void rehearse(Rehearsal scratch) throws Exception {
        driver.rehearse(scratch);
    }

    @Override
    public void restoreState(ModuleState state) throws Exception {
        driver.restoreState(state);
    }

    @Override
    public void start() throws Exception {
        driver.start();
    }

    @Override
    public boolean quiesce(Deadline deadline) {
        return driver.quiesce(deadline);
    }

    @Override
    public void stop() throws Exception {
        driver.stop();
    }

    @Override
    public void handleEvent(Event event) {
        driver.handleEvent(event);
    }

    @Override
    public Object handleRequest(Request request) {
        return driver.handleRequest(request);
    }

    @Override
    public Health health() {
        return driver.health();
    }

    @Override
    public Optional<ModuleState> saveState() {
        return driver.saveState();
    }

    @Override
    public Duration limit(Step step) {
        return driver.limit(step);
    }
}
