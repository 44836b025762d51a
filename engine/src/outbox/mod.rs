//! The outbox: mail that was handed over is kept, delivered and accounted for.

mod writer;
