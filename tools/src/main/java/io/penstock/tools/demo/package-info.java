/// The demo: the main job on an isolated network of namespaces, told as a story in which every claim is checked.
@NullMarked
package io.penstock.tools.demo;

import org.jspecify.annotations.NullMarked;
