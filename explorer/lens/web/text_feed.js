// A component that shows nothing: it brings the feed of a text to the lenses of the page.

export default function ({ data }) {
  if (data) receiveText(data);
}
