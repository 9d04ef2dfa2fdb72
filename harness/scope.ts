/** Undo steps, registered before what they undo and run newest first. Each failure is kept, none stops the others. */
export class Scope implements AsyncDisposable {
  readonly #undo: { name: string; action: () => Promise<void> | void }[] = [];
  readonly failures: string[] = [];

  defer(name: string, action: () => Promise<void> | void): void {
    this.#undo.push({ name, action });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let step = this.#undo.pop(); step; step = this.#undo.pop()) {
      try {
        await step.action();
      } catch (error) {
        this.failures.push(`Cannot ${step.name}: ${(error as Error).message}`);
      }
    }
  }
}
