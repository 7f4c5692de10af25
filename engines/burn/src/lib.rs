//! Trains any graph with burn.
