import { readFileSync, readdirSync, statSync, writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

/** Writes `.br` and `.gz` beside every text file, so that the server compresses nothing. */
function compressed(): Plugin {
  let out = "dist";
  return {
    name: "compressed",
    apply: "build",
    configResolved(config) {
      out = config.build.outDir;
    },
    closeBundle() {
      const visit = (dir: string): void => {
        for (const name of readdirSync(dir)) {
          const path = join(dir, name);
          if (statSync(path).isDirectory()) visit(path);
          else if (/\.(js|css|html|svg|txt)$/.test(name)) {
            const bytes = readFileSync(path);
            const quality = { [constants.BROTLI_PARAM_QUALITY]: 11 };
            writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: quality }));
            writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
          }
        }
      };
      visit(out);
    },
  };
}

/** Writes the licences of what is bundled: ECharts is Apache-2.0, and its notice travels with it. */
function licences(): Plugin {
  const packages = ["preact", "@preact/signals", "@preact/signals-core", "echarts", "zrender", "tslib"];
  return {
    name: "licences",
    apply: "build",
    generateBundle() {
      const parts = packages.flatMap((name) => {
        const dir = join("node_modules", name);
        const files = ["LICENSE", "LICENSE.txt", "NOTICE"].map((file) => join(dir, file)).filter(existsSync);
        const version = JSON.parse(readFileSync(join(dir, "package.json"), "utf8")).version as string;
        return [`${name} ${version}\n`, ...files.map((file) => readFileSync(file, "utf8"))];
      });
      this.emitFile({ type: "asset", fileName: "THIRD_PARTY_LICENSES.txt", source: parts.join("\n") });
    },
  };
}

const server = process.env.FACTFOLD_SERVER ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [licences(), compressed()],
  build: {
    target: "es2022",
    // Small files stay files: an inlined one would be a `data:` URL, which the policy forbids.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: {
    port: 5173,
    proxy: Object.fromEntries(
      ["/api", "/hooks", "/docs", "/metrics", "/healthz", "/readyz", "/version"].map((path) => [path, server]),
    ),
  },
});
