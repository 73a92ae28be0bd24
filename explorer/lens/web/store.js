// The feeds that have arrived, shared by every component of the page: view → photo, layers, segmentations.

const MAX_BYTES = 160e6; // decoded; the view that was looked at longest ago goes first

const store = (window.crateLensStore ??= { views: new Map(), listeners: new Set(), lenses: new Set() });

function feedsOf(view) {
  const found = store.views.get(view) ?? { photo: null, layers: new Map(), segments: new Map(), bytes: 0 };
  store.views.delete(view); // the last in the map is the one looked at last
  store.views.set(view, found);
  return found;
}

/** Keep a feed and tell the lenses. */
function receive(bytes) {
  const { header, arrays } = unpackArrays(bytes);
  const feeds = feedsOf(header.view);
  if (header.what === "photo" && !feeds.photo) {
    feeds.photo = new Image();
    feeds.photo.onload = () => tell(header.view);
    feeds.photo.src = URL.createObjectURL(new Blob([arrays.jpeg.data], { type: "image/jpeg" }));
  }
  if (header.what === "attention" && !feeds.layers.has(header.layer)) {
    feeds.layers.set(header.layer, attentionLayer(arrays));
    feeds.bytes += 4 * arrays.query.data.length * (arrays.key ? 2 : 1);
  }
  if (header.what === "segments") for (const [name, array] of Object.entries(arrays)) feeds.segments.set(name, array);
  forget(header.view);
  tell(header.view);
}

function forget(current) {
  let total = [...store.views.values()].reduce((sum, feeds) => sum + feeds.bytes, 0);
  for (const [view, feeds] of store.views) {
    if (total <= MAX_BYTES || view === current) return;
    total -= feeds.bytes;
    if (feeds.photo) URL.revokeObjectURL(feeds.photo.src);
    store.views.delete(view);
  }
}

const tell = (view) => store.listeners.forEach((listener) => listener(view));
