//! Inputs and outputs in an object store: a real S3 server on loopback, and a proxy that breaks
//! connections.

mod broken_connections;
mod inputs;
mod memory;
mod outputs;
pub mod proxy;
pub mod s3_server;
