// Takes pictures of the built page at the sizes it is designed for, light and dark.
//
//   node tools/screenshots.mjs [FOLDER]     default: screenshots/, which git ignores
//
// One picture of the start, one of the moment that the order is doubled, one with its explanation, one of the second run.
import { mkdirSync } from "node:fs";
import { openSite } from "../tests/browser/harness.mjs";

const folder = process.argv[2] ?? "screenshots";
mkdirSync(folder, { recursive: true });
const SIZES = [[1440, 900], [1024, 768], [390, 844], [800, 600]];
const only = process.argv[3];

const site = await openSite();
for (const theme of ["light", "dark"]) {
  for (const [width, height] of SIZES) {
    const name = `${width}x${height}-${theme}`;
    if (only && !name.includes(only)) continue;
    const { page } = await site.visit("", { viewport: { width, height }, colorScheme: theme });
    const shot = (what) => page.screenshot({ path: `${folder}/${name}-${what}.png` });
    await page.waitForSelector("#run:enabled");
    await page.waitForTimeout(300);
    await shot("1-start");
    await page.click("#run");
    await page.waitForTimeout(1500);
    await shot("2-playing");
    await page.waitForSelector("#cure", { timeout: 15000 });
    await page.waitForTimeout(300);
    await shot("3-doubled");
    await page.click("#explain");
    await page.waitForTimeout(200);
    await shot("4-explained");
    await page.click("#explain");
    await page.click("#cure");
    await page.waitForTimeout(500);
    await page.keyboard.press("End");
    await page.waitForTimeout(300);
    await shot("5-again");
    await page.context().close();
  }
}
await site.close();
