//! One element as a plain tree, for metadata whose format is not libvirt's.

use roxmltree::Node;

use super::XmlError;

/// libxml2, by which libvirt reads everything it keeps, stops at 256.
const DEEPEST: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    pub namespace: Option<String>,
    pub name: String,
    /// Without namespace declarations; in the order of the document. The name of one in a
    /// namespace is `{namespace}name`, so that nobody takes it for another's.
    pub attributes: Vec<(String, String)>,
    /// Text directly inside, joined.
    pub text: String,
    pub children: Vec<Element>,
    /// As it is spelled in the document. Prefixes may have been declared further out.
    pub raw: String,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn read(node: Node<'_, '_>) -> Result<Self, XmlError> {
        let mut element = Self::read_below(node, DEEPEST)?;
        element.raw = node.document().input_text()[node.range()].to_owned();
        Ok(element)
    }

    fn read_below(node: Node<'_, '_>, depth: usize) -> Result<Self, XmlError> {
        let depth = depth.checked_sub(1).ok_or(XmlError::TooDeep(DEEPEST))?;
        Ok(Self {
            namespace: node.tag_name().namespace().map(str::to_owned),
            name: node.tag_name().name().to_owned(),
            attributes: node
                .attributes()
                .map(|attribute| {
                    let name = match attribute.namespace() {
                        Some(namespace) => format!("{{{namespace}}}{}", attribute.name()),
                        None => attribute.name().to_owned(),
                    };
                    (name, attribute.value().to_owned())
                })
                .collect(),
            text: super::text(node).unwrap_or_default(),
            children: node
                .children()
                .filter(Node::is_element)
                .map(|child| Self::read_below(child, depth))
                .collect::<Result<_, _>>()?,
            // Only the outermost keeps its spelling: copies of copies would be quadratic.
            raw: String::new(),
        })
    }
}
