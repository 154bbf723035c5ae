// Only browsers without modules run this file: they cannot show the pages.
document.getElementById('app').innerHTML =
  '<p style="margin:80px auto;max-width:520px;font:16px/28px sans-serif">这个浏览器太旧，不能打开街巡。请使用 Chrome、Edge 或国产浏览器的极速模式（内核 100 以上），或联系本单位运维更新。</p>'
