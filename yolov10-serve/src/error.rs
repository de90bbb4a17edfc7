//! Everything that keeps a server from starting, or from ending well.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a server does not start, or does not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its address can't be had.
    #[error("{address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// Anybody could use it.
    #[error("{address} is reachable from elsewhere: expected --token-file, or --no-auth if anybody may use it")]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// A certificate or a key is not to be had.
    #[error("{}: {reason}", file.display())]
    Tls {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A model's or a source's name is none, or is given twice.
    #[error("{0}")]
    Name(String),
    /// A model can't be loaded, or the repository not be read.
    #[error("{0}")]
    Load(String),
    /// Some memory stayed at the end.
    #[error("{0}")]
    Left(String),
    /// The system gave no threads or signals.
    #[error(transparent)]
    System(#[from] std::io::Error),
}
