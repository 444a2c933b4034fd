// The audio thread of a talk: the microphone becomes frames of 20 ms of 16-bit PCM, and what the caller hears is played.
// Both directions run at the rate of the audio context, which is the rate of the stream.

const MOST_SECONDS = 0.4;
const STARTS_WITH = 0.06;

class Talk extends AudioWorkletProcessor {
  constructor() {
    super();
    this.said = new Int16Array(sampleRate / 50);
    this.filled = 0;
    this.pieces = [];
    this.place = 0;
    this.waiting = 0;
    this.plays = false;
    this.peak = 0;
    this.port.onmessage = ({ data }) => (data === "clear" ? this.clear() : this.hear(new Int16Array(data)));
  }

  clear() {
    this.pieces = [];
    this.place = this.waiting = 0;
    this.plays = false;
  }

  hear(piece) {
    this.pieces.push(piece);
    this.waiting += piece.length;
    // If sound comes faster than it is played, the oldest is lost.
    while (this.waiting > MOST_SECONDS * sampleRate && this.pieces.length > 1) this.drop();
  }

  drop() {
    this.waiting -= this.pieces.shift().length - this.place;
    this.place = 0;
  }

  process([[microphone]], [[loudspeaker]]) {
    this.play(loudspeaker);
    for (let at = 0; at < loudspeaker.length; at += 1) {
      const sample = Math.max(-1, Math.min(1, microphone ? microphone[at] : 0));
      this.said[this.filled] = Math.round(sample * 32_767);
      this.filled += 1;
      if (this.filled === this.said.length) this.send();
    }
    return true;
  }

  play(loudspeaker) {
    this.plays = this.waiting > (this.plays ? 0 : STARTS_WITH * sampleRate);
    for (let at = 0; this.plays && at < loudspeaker.length && this.waiting > 0; at += 1) {
      loudspeaker[at] = this.pieces[0][this.place] / 32_768;
      this.peak = Math.max(this.peak, Math.abs(loudspeaker[at]));
      this.place += 1;
      this.waiting -= 1;
      if (this.place === this.pieces[0].length) { this.pieces.shift(); this.place = 0; }
    }
  }

  send() {
    const peak = this.said.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0) / 32_768;
    this.port.postMessage({ pcm: this.said.slice().buffer, said: peak, heard: this.peak });
    this.filled = this.peak = 0;
  }
}

registerProcessor("talk", Talk);
