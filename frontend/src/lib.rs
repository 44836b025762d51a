//! The WebAssembly entry point: wakes the islands of the page it is loaded by.

#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    // Linking `app` is what registers its islands; naming it keeps the linker from dropping it.
    use app as _;
    leptos::mount::hydrate_islands();
}
