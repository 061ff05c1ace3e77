/// All that is asked of the kernel: system calls, BPF, netlink. The only package that links native code.
@NullMarked
package io.penstock.forwarder.linux;

import org.jspecify.annotations.NullMarked;
