package helix.hal.internal.irq;

import helix.hal.api.machine.MessageInterrupts;
import helix.hal.api.machine.MessageInterrupts.Messages;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What MSI and MSI-X share: messages lent by the machine.
abstract class MessageSignals implements Signals {
    private final List<Messages> messages;

    MessageSignals(List<Messages> messages) {
        this.messages = List.copyOf(messages);
    }

    Messages messages(int index) {
        return messages.get(index);
    }

    int sets() {
        return messages.size();
    }

    /// Takes single messages, as many as there are up to a limit.
    static List<Messages> take(MessageInterrupts source, int most) {
        List<Messages> taken = new ArrayList<>();
        while (taken.size() < most) {
            Optional<Messages> one = source.allocate(1);
            if (one.isEmpty()) {
                break;
            }
            taken.add(one.get());
        }
        return taken;
    }

    @Override
    public void release() {
        messages.forEach(Messages::close);
    }
}
