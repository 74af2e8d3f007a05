//! Inputs and outputs in an object store: a real S3 server on loopback, and a proxy that cuts.

mod broken;
mod inputs;
mod outputs;
pub mod proxy;
pub mod server;
