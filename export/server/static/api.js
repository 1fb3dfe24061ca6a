// Requests to the server: the API key, what to do when it is busy, errors as its own sentences.

const KEY = "ganapp-api-key";
const TRIES = 6; // of a request that is told to come back later

/** What the server refused, in its words. */
export class Refusal extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

/** The key that was asked for; kept by the tab and forgotten with it. */
export function storedKey() {
  return sessionStorage.getItem(KEY);
}

/** A key as a header may carry it: its UTF-8 bytes. */
function headerValue(key) {
  return String.fromCharCode(...new TextEncoder().encode(key));
}

function wait(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

async function sentenceOf(response) {
  const text = await response.text();
  try {
    return String(JSON.parse(text).error);
  } catch {
    return `The server answered with status ${response.status}.`;
  }
}

/**
 * The public interface of the server.
 *
 * askKey: (sentence) => Promise of a key, or of null when the person would not say.
 * tell: (sentence) => void, what the person may know while waiting.
 */
export class Api {
  constructor({ askKey, tell }) {
    this.askKey = askKey;
    this.tell = tell;
    this.asking = null;
  }

  /** The answer to a request; throws a Refusal for every status that is no success. */
  async fetch(path, { body, signal } = {}) {
    for (let tries = 1; ; tries += 1) {
      const key = storedKey();
      const response = await this.send(path, key, body, signal);
      if (response.ok) {
        return response;
      }
      const sentence = await sentenceOf(response);
      if (response.status === 401 && (await this.anotherKey(key, sentence))) {
        continue;
      }
      if (response.status === 429 && tries < TRIES) {
        const seconds = Math.min(Number(response.headers.get("Retry-After")) || 1, 30);
        this.tell(`The server is busy; trying again in ${seconds} s.`);
        await wait(seconds, signal);
        continue;
      }
      throw new Refusal(response.status, sentence);
    }
  }

  async send(path, key, body, signal) {
    const headers = key === null ? {} : { "X-API-Key": headerValue(key) };
    const options = { headers, signal, cache: "no-store", referrerPolicy: "no-referrer" };
    if (body !== undefined) {
      options.method = "POST";
      options.body = JSON.stringify(body);
      headers["Content-Type"] = "application/json";
    }
    try {
      return await fetch(path, options);
    } catch (error) {
      if (signal?.aborted) {
        throw error;
      }
      throw new Refusal(0, "The server cannot be reached: is it still running?");
    }
  }

  /** Whether there is another key to try; many requests ask the person once. */
  async anotherKey(tried, sentence) {
    if (storedKey() !== tried) {
      return true;
    }
    this.asking ??= this.askKey(sentence).finally(() => {
      this.asking = null;
    });
    const key = await this.asking;
    if (key === null) {
      return false;
    }
    sessionStorage.setItem(KEY, key);
    return true;
  }

  async json(path, options) {
    return (await this.fetch(path, options)).json();
  }

  /**
   * The outputs of a signature by name; null where a number is not finite.
   *
   * observations: those that every one of `count` rows has, or null.
   */
  async predict(model, signature, inputs, { observations, count, signal }) {
    const body = { signature_name: signature, inputs };
    if (observations === null) {
      return (await this.json(`${model}:predict`, { body, signal })).outputs;
    }
    Object.assign(body, { observations, count });
    return (await this.json(`${model}/observed.json`, { body, signal })).outputs;
  }

  /** Saves an answer as a file of the person's. */
  async download(path, name, body) {
    const blob = await (await this.fetch(path, { body })).blob();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
}
