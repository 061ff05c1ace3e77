/// The properties file and what it sets: one record per group of keys, each read and checked at once.
@NullMarked
package io.penstock.control.config;

import org.jspecify.annotations.NullMarked;
