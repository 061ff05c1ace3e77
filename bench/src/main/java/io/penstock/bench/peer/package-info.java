/// Others that the product is compared with.
@NullMarked
package io.penstock.bench.peer;

import org.jspecify.annotations.NullMarked;
