package helix.driver.block.nvme;

import helix.registers.Bits;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Asynchronous events. Base 2.0, section 5.2: the controller keeps requests and completes one when
/// something happens; reading the log page that it names makes room for the next event of its kind.
final class AsyncEvents {
    private static final Logger LOG = LoggerFactory.getLogger(AsyncEvents.class);

    /// The most requests to leave with the controller.
    static final int MAX_REQUESTS = 4;

    /// Completion DW0: Asynchronous Event Type.
    static final Bits TYPE = Bits.of(2, 0);

    /// Completion DW0: Asynchronous Event Information.
    static final Bits INFORMATION = Bits.of(15, 8);

    /// Completion DW0: Log Page Identifier.
    static final Bits LOG_PAGE = Bits.of(23, 16);

    private static final int TYPE_ERROR = 0;
    private static final int TYPE_SMART = 1;
    private static final int TYPE_NOTICE = 2;
    private static final int NOTICE_NAMESPACE_CHANGED = 0;

    /// Feature 0Bh: all SMART warnings; of the notices those that OAES offers.
    private static final int SMART_WARNINGS = 0x1F;

    /// Namespace Attribute Notices (bit 8) and Firmware Activation Notices (bit 9).
    private static final int NOTICES = 1 << 8 | 1 << 9;

    private final Controller controller;
    private final Namespaces namespaces;

    AsyncEvents(Controller controller, Namespaces namespaces) {
        this.controller = controller;
        this.namespaces = namespaces;
    }

    /// Step 12 of Base 2.0, section 3.5.1: says which events are wanted, and leaves requests.
    void enable(Duration limit) {
        IdentifyController id = controller.identity();
        int wanted = SMART_WARNINGS | (NOTICES & id.optionalEvents());
        try {
            controller
                    .admin()
                    .execute(
                            AdminCommand.setFeatures(
                                    AdminCommand.Feature.ASYNC_EVENT_CONFIGURATION, wanted),
                            limit);
        } catch (CommandFailedException e) {
            LOG.warn("{}: only standard events: {}", controller.name(), e.getMessage());
        }
        int requests = Math.min(MAX_REQUESTS, id.maxEventRequests());
        for (int n = 0; n < requests; n++) {
            controller.admin().requestEvent(n);
        }
    }

    /// Handles what has arrived.
    ///
    /// @return how many events
    int process() {
        int handled = 0;
        for (long event = controller.admin().takeEvent();
                event >= 0 && handled < AdminQueue.ENTRIES;
                event = controller.admin().takeEvent()) {
            handle((int) event);
            controller.admin().requestEvent((int) (event >>> 32));
            handled++;
        }
        return handled;
    }

    private void handle(int dw0) {
        int type = TYPE.get(dw0);
        int information = INFORMATION.get(dw0);
        int page = LOG_PAGE.get(dw0);
        if (type == TYPE_NOTICE && information == NOTICE_NAMESPACE_CHANGED) {
            LOG.info("{}: namespaces changed", controller.name());
            readToRearm(page, LogPages.CHANGED_NAMESPACES_BYTES);
            // The list says which changed, or that there are too many: looking at all does for
            // both.
            namespaces.scan();
            return;
        }
        String kind =
                switch (type) {
                    case TYPE_ERROR -> "error";
                    case TYPE_SMART -> "SMART / health";
                    case TYPE_NOTICE -> "notice";
                    default -> "event";
                };
        LOG.warn(
                "{}: {} event, information {}, log page {}",
                controller.name(),
                kind,
                "%02xh".formatted(information),
                "%02xh".formatted(page));
        if (page != 0) {
            readToRearm(page, LogPages.SMART_BYTES);
        }
    }

    private void readToRearm(int page, int bytes) {
        try {
            controller.read(
                    AdminCommand.getLogPage(page, AdminCommand.ALL_NAMESPACES, bytes), bytes);
        } catch (CommandFailedException e) {
            LOG.warn("{}: event not acknowledged: {}", controller.name(), e.getMessage());
        }
    }
}
