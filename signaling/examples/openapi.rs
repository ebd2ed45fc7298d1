//! Prints the API description: `cargo run -p tongke-signaling --example openapi > signaling/openapi.json`.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    print!("{}", tongke_signaling::openapi_json());
}
