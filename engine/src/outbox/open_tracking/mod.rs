//! Open tracking: the images in messages that ask for it, and the count of their loads.

mod image;
mod loads;

pub(super) use image::OpenImages;
pub use image::{OPEN_IMAGE_PATH, notice};
pub(super) use loads::OpenLoads;
