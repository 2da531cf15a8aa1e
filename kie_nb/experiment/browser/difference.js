// What differs between two videos, as a picture and as a figure.

class Difference {
  #small = Object.assign(document.createElement("canvas"), { width: 64, height: 36 });

  constructor(canvas) {
    this.canvas = canvas;
  }
  /** Draw it, *gain* (a power of 2) times as bright; gives the mean difference as `#mean` does. */
  draw(one, other, gain) {
    const { canvas } = this;
    const [width, height] = [one.videoWidth, one.videoHeight];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    pen.globalCompositeOperation = "copy";
    pen.drawImage(one, 0, 0, width, height);
    pen.globalCompositeOperation = "difference";
    pen.drawImage(other, 0, 0, width, height);
    const mean = this.#mean();
    pen.globalCompositeOperation = "lighter"; // each time twice as bright
    for (let left = gain; left > 1; left /= 2) pen.drawImage(canvas, 0, 0);
    return mean;
  }
  /** 1 being black against white; null where the page may not read its own videos (linked files). */
  #mean() {
    const pen = this.#small.getContext("2d", { willReadFrequently: true });
    pen.globalCompositeOperation = "copy";
    pen.drawImage(this.canvas, 0, 0, 64, 36);
    try {
      const { data } = pen.getImageData(0, 0, 64, 36);
      let sum = 0;
      for (let at = 0; at < data.length; at += 4) sum += data[at] + data[at + 1] + data[at + 2];
      return sum / (data.length * 0.75 * 255);
    } catch {
      return null;
    }
  }
}
