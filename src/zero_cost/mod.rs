//! What an untrained network says about how well it will learn: zero-cost scores, from one batch or less.
//!
//! Higher scores are said to mean better networks. All of them grow with the size of a network, so they tell something only
//! among networks of like cost; `audit` measures whether they do. Source of the selection and of the details: Abdelfattah
//! et al. 2021, "Zero-cost proxies for lightweight NAS", section 3.

mod grad_norm;
mod naswot;
mod synflow;
#[cfg(test)]
mod tests;
mod unit;
mod weights;

pub use grad_norm::grad_norm;
pub use naswot::naswot;
pub use synflow::synflow;
