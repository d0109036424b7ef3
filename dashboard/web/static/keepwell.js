// Draws each chart from the table beside it; without script the tables stand there by themselves.
"use strict";

(() => {
  const POINTS = { green: "circle", yellow: "triangle", red: "rect", unknown: "crossRot" };
  const SHAPES = ["circle", "rectRot", "triangle", "rect", "star", "cross"];
  const charts = [];

  // A colour of the style sheet as it is in the theme that is shown.
  function ink(name, probe) {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  }

  function faded(colour, share) {
    const parts = colour.match(/[\d.]+/g);
    return parts ? `rgba(${parts[0]}, ${parts[1]}, ${parts[2]}, ${share})` : colour;
  }

  function value(cell) {
    const text = cell.dataset.value;
    return text === undefined || text === "" ? null : Number(text);
  }

  function read(figure) {
    const table = figure.querySelector("table");
    const heads = [...table.tHead.rows[0].cells].slice(1);
    const rows = [...table.tBodies[0].rows];
    return {
      labels: rows.map((row) => row.cells[0].textContent.trim()),
      series: heads.map((head, index) => ({
        name: head.textContent.trim(),
        tone: head.dataset.tone || "1",
        values: rows.map((row) => value(row.cells[index + 1])),
        notes: rows.map((row) => row.cells[index + 1].dataset.note || ""),
      })),
    };
  }

  function bars(series, index, fill, kind) {
    const values = kind === "waterfall" ? steps(series.values) : series.values;
    const whole = (at) => at === 0 || at === values.length - 1;
    return {
      label: series.name,
      data: values,
      backgroundColor: kind === "waterfall"
        ? values.map((_, at) => (whole(at) ? fill("1") : fill(series.values[at] < 0 ? "red" : "green")))
        : fill(series.tone),
      borderRadius: 3,
      maxBarThickness: 42,
      minBarLength: kind === "waterfall" ? 2 : 0,
    };
  }

  // The first and the last bar stand on the ground, those between hang where the one before ended.
  function steps(values) {
    let level = 0;
    return values.map((one, at) => {
      if (at === 0 || at === values.length - 1) { level = one; return [0, one]; }
      const from = level;
      level += one;
      return [from, level];
    });
  }

  function lines(series, index, fill, kind) {
    const colour = fill(series.tone);
    const few = series.values.filter((one) => one !== null).length <= 40;
    const radius = series.notes.map((note) => (note ? 6 : few ? 3 : 0));
    return {
      label: series.name,
      data: series.values,
      borderColor: colour,
      backgroundColor: kind === "area" ? faded(colour, 0.75) : colour,
      fill: kind === "area" ? (index === 0 ? "origin" : "-1") : false,
      borderWidth: 2,
      stepped: false,
      tension: 0,
      spanGaps: false,
      pointStyle: POINTS[series.tone] || SHAPES[index % SHAPES.length],
      pointRadius: radius,
      pointHoverRadius: 6,
    };
  }

  function draw(figure) {
    const probe = figure.querySelector(".canvas");
    const fill = (tone) => ink(`fill-${tone}`, probe);
    const { kind, unit, least, most, stacked, level } = figure.dataset;
    const found = read(figure);
    if (!found.labels.length) { return; }
    figure.classList.add("drawn");
    figure.querySelector("details").open = false;
    const bar = kind === "bar" || kind === "waterfall";
    const make = bar ? bars : lines;
    const lying = level === "true";
    const across = {
      stacked: stacked === "true",
      grid: { display: false },
      border: { color: ink("line", probe) },
      ticks: { color: ink("muted", probe), maxRotation: 0, autoSkip: !bar || (!lying && found.labels.length > 7), autoSkipPadding: 16 },
    };
    const up = {
      stacked: stacked === "true",
      beginAtZero: bar || stacked === "true",
      min: least === "" ? undefined : Number(least),
      max: most === "" ? undefined : Number(most),
      grid: { color: ink("line", probe) },
      border: { display: false },
      ticks: { color: ink("muted", probe), precision: 0 },
    };
    const tell = (item) => {
      const series = found.series[item.datasetIndex];
      const shown = series.values[item.dataIndex];
      const note = series.notes[item.dataIndex];
      const told = shown === null ? "not known" : `${shown.toLocaleString("en")}${unit}`;
      return [`${series.name}: ${told}`].concat(note ? [note] : []);
    };
    charts.push(new Chart(figure.querySelector("canvas"), {
      type: bar ? "bar" : "line",
      data: { labels: found.labels, datasets: found.series.map((one, at) => make(one, at, fill, kind)) },
      options: {
        animation: false,
        maintainAspectRatio: false,
        indexAxis: lying ? "y" : "x",
        interaction: { mode: "index", intersect: false },
        scales: lying ? { x: up, y: across } : { x: across, y: up },
        plugins: {
          legend: {
            display: found.series.length > 1,
            labels: { color: ink("text", probe), usePointStyle: true },
          },
          tooltip: { callbacks: { label: tell } },
        },
      },
    }));
    probe.style.color = "";
  }

  function drawAll() {
    while (charts.length) { charts.pop().destroy(); }
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    document.querySelectorAll("figure.chart").forEach(draw);
  }

  if (window.Chart) {
    drawAll();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
    // Paper is white: charts are drawn anew in the light colours, and back afterwards.
    const root = document.documentElement;
    const theme = root.dataset.theme;
    addEventListener("beforeprint", () => { root.dataset.theme = "light"; drawAll(); });
    addEventListener("afterprint", () => { root.dataset.theme = theme; drawAll(); });
  }

  // A page whose figures are still being computed says after how many seconds to look again.
  const waiting = document.querySelector("[data-reload]");
  if (waiting) { setTimeout(() => location.reload(), 1000 * Number(waiting.dataset.reload)); }
})();
