// A component that shows nothing: it brings a feed to the lenses of the page.

export default function ({ data }) {
  if (data) receive(data);
}
