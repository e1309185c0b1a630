"""The simulated agencies, each as a process of its own, called with messages written by hand."""
