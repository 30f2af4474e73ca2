//! The `virt-retire` program; everything is in the library.

fn main() -> ! {
    virt_retire::cli::main()
}
