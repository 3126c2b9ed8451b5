"""One simulated workstation: requester, redirector, registry, NAL and the components that use them."""
