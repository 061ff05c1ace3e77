/// JMH benchmarks of single steps.
@NullMarked
package io.penstock.bench.micro;

import org.jspecify.annotations.NullMarked;
