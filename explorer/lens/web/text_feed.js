// A component that shows nothing: it brings the feed of a text to the lenses of the page.

const MAX_TEXTS = 6;

export default function ({ data }) {
  if (!data) return;
  const feeds = (window.crateTextFeeds ??= { latest: new Map(), listeners: new Set() });
  const feed = readFeed(data);
  feeds.latest.delete(feed.view);
  feeds.latest.set(feed.view, feed);
  if (feeds.latest.size > MAX_TEXTS) feeds.latest.delete(feeds.latest.keys().next().value);
  for (const listener of feeds.listeners) listener(feed);
}
