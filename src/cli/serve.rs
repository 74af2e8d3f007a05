//! Flags of `mobility serve`.

use clap::Args;

use crate::config::Audience;

#[derive(Debug, Args)]
pub struct Serve {
    /// Address and port to listen on, instead of serve.bind; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub bind: Option<String>,
    /// Path below which clients see the server, such as /mobility, instead of serve.base_path
    #[arg(long, value_name = "PATH")]
    pub base_path: Option<String>,
    /// Listen on an address that other machines can reach, without a serve.token
    #[arg(long)]
    pub insecure: bool,
    /// Who reads, instead of serve.audience: analysts, exact numbers from the warehouse; or the public, what
    /// `mobility publish` has released [default: the public, if other machines can reach the address]
    #[arg(long, value_enum, value_name = "WHO")]
    pub audience: Option<Audience>,
}
