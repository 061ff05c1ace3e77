/// What a package holds besides jars: pages and completion, written from the commands themselves.
@NullMarked
package io.penstock.packages;

import org.jspecify.annotations.NullMarked;
