/** Who is to be told once, when something is over. */
export class Listeners {
  #listeners: (() => void)[] = [];

  add(listener: () => void): void {
    this.#listeners.push(listener);
  }

  tell(): void {
    for (const listener of this.#listeners.splice(0)) listener();
  }
}
