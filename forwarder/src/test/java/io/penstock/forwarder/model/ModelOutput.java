package io.penstock.forwarder.model;

import org.jspecify.annotations.Nullable;

/// What the packet path did, for the model to compare itself with.
interface ModelOutput {
    /// {@return the verdict on an input frame}
    String verdict(long number);

    /// {@return a frame that was sent, `ahead` behind the next one that nobody has taken yet; null at the end}
    byte @Nullable [] sent(int ahead);

    /// The next frames are explained.
    void take(int frames);
}
