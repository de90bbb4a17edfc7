//! The protocol's messages and service, from its description; protox stands in for protoc.

#[cfg(feature = "grpc")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    const PROTO: &str = "proto/inference.proto";
    println!("cargo:rerun-if-changed={PROTO}");
    let description = protox::compile([PROTO], ["proto"])?;
    // Tensors stay where they came.
    tonic_prost_build::configure().build_client(false).bytes(".").compile_fds(description)?;
    Ok(())
}

#[cfg(not(feature = "grpc"))]
fn main() {}
