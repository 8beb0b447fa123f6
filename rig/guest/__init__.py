"""A QEMU machine that runs a kernel under test, from power-on to its end."""
