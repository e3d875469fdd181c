// Headless Chromium with one context per person, as if each had a device of their own.
import { existsSync } from 'node:fs';
import { chromium } from './packages.mjs';

const EXECUTABLES = ['/usr/bin/chromium', '/usr/bin/chromium-browser'];

export function launch() {
  const executablePath = EXECUTABLES.find((path) => existsSync(path));
  if (!executablePath) throw new Error("Chromium is missing; 'make test' installs Debian's");
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Somebody in front of a browser. What the page says on its console and its errors are kept. */
export class Person {
  static async arrive(browser, server, name, options = {}) {
    const person = new Person();
    person.name = name;
    person.server = server;
    person.password = `${name} keeps a secret`;
    person.context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    person.page = await person.context.newPage();
    person.page.setDefaultTimeout(20_000);
    person.complaints = [];
    person.page.on('pageerror', (error) => person.complaints.push(String(error)));
    return person;
  }

  async signUp(path = '/signup') {
    await this.page.goto(this.server.site + path);
    await this.page.getByLabel('Name', { exact: true }).fill(this.name);
    await this.page.getByLabel('Password', { exact: true }).fill(this.password);
    await this.page.getByRole('button', { name: 'Create account' }).click();
    await this.isHome();
  }

  async signIn() {
    await this.page.goto(`${this.server.site}/signin`);
    await this.page.getByLabel('Name', { exact: true }).fill(this.name);
    await this.page.getByLabel('Password', { exact: true }).fill(this.password);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
    await this.isHome();
  }

  async isHome() {
    await this.page.getByRole('heading', { name: 'Home' }).first().waitFor();
  }

  async post(text) {
    await this.page.getByRole('textbox', { name: 'New post' }).first().fill(text);
    await this.page.keyboard.press('Control+Enter');
    await this.sees(text);
  }

  post_named(text) {
    return this.page.getByRole('article').filter({ hasText: text });
  }

  sees(text) {
    return this.post_named(text).first().waitFor();
  }

  async follow(whom) {
    await this.page.goto(`${this.server.site}/app/@${whom}`);
    await this.page.getByRole('button', { name: `Follow ${whom}`, exact: true }).first().click();
    await this.page.getByRole('button', { name: `Unfollow ${whom}`, exact: true }).first().waitFor();
  }

  goHome() {
    return this.page.getByRole('link', { name: 'Home', exact: true }).first().click();
  }
}
