import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

// The development server passes API calls on to a center (or to the mock
// server of dev/mock.mjs); JIEXUN_API names it.
const target = process.env.JIEXUN_API ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [vue()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  worker: { format: 'es' },
  build: { target: 'es2022', outDir: 'dist', emptyOutDir: true, chunkSizeWarningLimit: 1200, sourcemap: false },
  server: { host: '127.0.0.1', port: 5173, proxy: { '/api': { target, changeOrigin: false } } },
})
