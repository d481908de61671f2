package helix.hal.sim.nvme;

import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.ModelFactory;
import java.util.Map;
import org.osgi.service.component.annotations.Component;

/// Makes NVM Express controllers.
@Component(service = ModelFactory.class)
public final class NvmeFactory implements ModelFactory {
    @Override
    public String kind() {
        return "nvme";
    }

    @Override
    public String description() {
        return NvmeOptions.HELP;
    }

    @Override
    public DeviceModel create(String id, Map<String, String> options) {
        return new NvmeModel(NvmeOptions.of(id, options));
    }
}
