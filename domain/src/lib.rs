//! What things are: settings, labels, validation, stages, refusals. No I/O, no clock, no async.
