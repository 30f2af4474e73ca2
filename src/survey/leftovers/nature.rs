//! What an image is that nobody uses, as far as its name and its label tell.

/// By this an operator knows whether it is worth keeping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nature {
    /// A guest's disk, as far as is seen, in QEMU's name for its format.
    Disk { format: String },
    /// The box that vagrant-libvirt put into a pool, for guests to stand on.
    VagrantBox,
    /// An image as distributions publish it, or as a tool keeps it, for guests to stand on.
    CloudImage { by: &'static str },
    /// An ISO of that label.
    Medium { label: String },
    /// What cloud-init reads at a guest's first boot: its label is `cidata` or `config-2`.
    Seed,
    /// A guest's memory and devices, saved into a file.
    SavedState,
}

impl Nature {
    /// `label` is that of the file system in it, where it has one.
    pub(super) fn of(name: &str, format: &str, label: Option<&str>) -> Self {
        let lower = name.to_ascii_lowercase();
        if label.is_some_and(is_seed) {
            return Nature::Seed;
        }
        if format == crate::image::SAVED_STATE {
            return Nature::SavedState;
        }
        if lower.contains("_vagrant_box_image_") {
            return Nature::VagrantBox;
        }
        if let Some((_, by)) = CLOUD.iter().find(|(part, _)| lower.contains(part)) {
            return Nature::CloudImage { by };
        }
        match label {
            Some(label) => Nature::Medium {
                label: label.to_owned(),
            },
            None => Nature::Disk {
                format: format.to_owned(),
            },
        }
    }
}

/// cloud-init's documentation: NoCloud's label in either case, and OpenStack's.
fn is_seed(label: &str) -> bool {
    ["cidata", "config-2"]
        .iter()
        .any(|seed| label.eq_ignore_ascii_case(seed))
}

/// Parts of names: vagrant-libvirt's and uvtool's as these programs make them, the rest as the
/// distributions publish their images.
const CLOUD: [(&str, &str); 9] = [
    ("x-uvt-b64-", "uvtool's image cache"),
    ("cloudimg", "a distribution"),
    ("genericcloud", "a distribution"),
    ("-generic-amd64", "a distribution"),
    ("-generic-arm64", "a distribution"),
    ("fedora-cloud-base", "a distribution"),
    ("nocloud", "a distribution"),
    ("cirros-", "a distribution"),
    ("-minimal-cloud", "a distribution"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_images_are_known_by_the_names_that_their_makers_give() {
        for name in [
            "debian-VAGRANTSLASH-bookworm64_vagrant_box_image_12.20240905.1_box.img",
            "generic_vagrant_box_image_0.img",
        ] {
            assert_eq!(
                Nature::of(name, "qcow2", None),
                Nature::VagrantBox,
                "{name}"
            );
        }
        for name in [
            "noble-server-cloudimg-amd64.img",
            "debian-12-genericcloud-amd64.qcow2",
            "debian-12-generic-amd64.qcow2",
            "Fedora-Cloud-Base-Generic-41-1.4.x86_64.qcow2",
            "Rocky-9-GenericCloud.latest.x86_64.qcow2",
            "x-uvt-b64-Y29tLnVidW50dS5jbG91ZDpzZXJ2ZXI6MjQuMDQ=",
        ] {
            let nature = Nature::of(name, "qcow2", None);
            assert!(
                matches!(nature, Nature::CloudImage { .. }),
                "{name}: {nature:?}"
            );
        }
        let plain = Nature::of("web1.qcow2", "qcow2", None);
        assert_eq!(
            plain,
            Nature::Disk {
                format: "qcow2".into()
            }
        );
    }

    #[test]
    fn a_seed_is_a_seed_whatever_it_is_called() {
        assert_eq!(Nature::of("x.iso", "raw", Some("CIDATA")), Nature::Seed);
        assert_eq!(Nature::of("x.img", "raw", Some("config-2")), Nature::Seed);
        let medium = Nature::of("debian.iso", "raw", Some("Debian 12"));
        assert_eq!(
            medium,
            Nature::Medium {
                label: "Debian 12".into()
            }
        );
    }
}
