{
  // The wall loads a video's still when it comes near; on paper nothing does. Taken before the wall's own script has begun.
  const stills = [...document.querySelectorAll(".kie-wall-plain video[data-tile]")].map((video) => [video.dataset.tile, video.poster]);
  addEventListener("load", () => {
    for (const [tile, still] of stills) {
      const video = document.querySelector(`.kie-wall .kw-tile[data-tile="${tile}"] video`);
      if (video && still && !video.poster) video.poster = still;
    }
  });
}
