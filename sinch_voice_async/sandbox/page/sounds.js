// What a telephone sounds like: ringing, the tones of its keys, and a voice for the text that is spoken.

const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477];
const KEYS = "123456789*0#";

let audio = null;
let ringing = null;

/** Sound these frequencies together; a browser that has seen no gesture yet stays silent. */
function tone(frequencies, seconds, volume = 0.06) {
  audio ??= new AudioContext();
  audio.resume().catch(() => {});
  if (audio.state !== "running") return;
  const gain = audio.createGain();
  gain.gain.setValueAtTime(volume, audio.currentTime);
  gain.gain.linearRampToValueAtTime(0, audio.currentTime + seconds);
  gain.connect(audio.destination);
  for (const frequency of frequencies) {
    const oscillator = audio.createOscillator();
    oscillator.frequency.value = frequency;
    oscillator.connect(gain);
    oscillator.start();
    oscillator.stop(audio.currentTime + seconds);
  }
}

/** Sound a key as a telephone does: one frequency of its row and one of its column. */
export function key(name) {
  const place = KEYS.indexOf(name);
  if (place >= 0) tone([ROWS[Math.floor(place / 3)], COLUMNS[place % 3]], 0.16);
}

/** Ring until told otherwise. */
export function ring(on) {
  if (!on === !ringing) return;
  clearInterval(ringing);
  const once = () => tone([425, 450], 1, 0.1);
  if (on) once();
  ringing = on ? setInterval(once, 3000) : null;
}

/** Speak after what is being spoken; `locale` may be one, or the name of a voice. */
export function speak(text, locale) {
  const utterance = new SpeechSynthesisUtterance(text);
  const language = (locale || "en-US").split("/")[0];
  if (/^[a-z]{2,3}(-\w+)*$/.test(language)) utterance.lang = language;
  speechSynthesis.speak(utterance);
}

/** Beep for what is no text: a file. */
export const beep = () => tone([880], 0.4);

/** Stop speaking. */
export const hush = () => speechSynthesis.cancel();
