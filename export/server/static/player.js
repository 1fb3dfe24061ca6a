// The walk between two pictures: played on a canvas, moved by hand, and as a strip.

import { paint } from "./pictures.js";

const FRAME_MILLISECONDS = 60; // as in the GIF
const STILLS = 8;

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Plays frames to and fro; does not start by itself where the person wants less motion. */
export class Player {
  constructor({ canvas, position, play, strip }) {
    Object.assign(this, { canvas, position, button: play, strip });
    this.frames = [];
    this.playing = false;
    play.addEventListener("click", () => this.frames.length && this.toggle(!this.playing));
    position.addEventListener("input", () => {
      this.toggle(false);
      if (this.frames.length) {
        this.show(Number(position.value));
      }
    });
  }

  load(frames, label) {
    this.stop();
    this.frames = frames;
    this.canvas.setAttribute("aria-label", label);
    this.position.max = String(frames.length - 1);
    const last = frames.length - 1;
    const stills = Math.min(STILLS, frames.length);
    this.strip.replaceChildren(
      ...Array.from({ length: stills }, (_, i) => {
        const canvas = document.createElement("canvas");
        canvas.className = "picture";
        paint(canvas, frames[Math.round((i * last) / (stills - 1))]);
        return canvas;
      }),
    );
    this.show(0);
    this.toggle(!calm.matches);
  }

  show(frame) {
    this.frame = frame;
    this.position.value = String(frame);
    const percent = Math.round((100 * frame) / (this.frames.length - 1));
    this.position.setAttribute("aria-valuetext", `${percent} % of the way`);
    paint(this.canvas, this.frames[frame]);
  }

  stop() {
    this.toggle(false);
    this.frames = [];
  }

  toggle(playing) {
    if (playing === this.playing) {
      return;
    }
    this.playing = playing;
    this.button.textContent = playing ? "Pause" : "Play";
    if (playing) {
      this.begin = null;
      this.next = requestAnimationFrame((time) => this.tick(time));
    } else {
      cancelAnimationFrame(this.next);
    }
  }

  tick(time) {
    const last = this.frames.length - 1;
    this.begin ??= time - this.frame * FRAME_MILLISECONDS;
    const step = Math.floor((time - this.begin) / FRAME_MILLISECONDS) % (2 * last);
    const frame = step <= last ? step : 2 * last - step;
    if (frame !== this.frame) {
      this.show(frame);
    }
    this.next = requestAnimationFrame((then) => this.tick(then));
  }
}
