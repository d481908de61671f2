package helix.modules.probe;

/// A class service.
public interface Gadget {
    String hello();
}
