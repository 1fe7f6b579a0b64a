/** The month at a glance: cards, calls by day, outcomes, targets, agents, and what needs attention. */
import { Head } from "../components/Head";
import { MonthPicker, shownMonth } from "../components/MonthPicker";
import { Attention } from "./dashboard/Attention";
import { Cards } from "./dashboard/Cards";
import { ComparePicker } from "./dashboard/Compare";
import { DayChart } from "./dashboard/DayChart";
import { Leaderboard } from "./dashboard/Leaderboard";
import { Outcomes } from "./dashboard/Outcomes";
import { Targets } from "./dashboard/Targets";

export default function Dashboard() {
  const month = shownMonth();
  return (
    <>
      <Head title="Dashboard">
        <MonthPicker />
        <ComparePicker month={month} />
      </Head>
      <Cards month={month} />
      <div class="two">
        <div>
          <DayChart month={month} />
          <Leaderboard />
          <Outcomes month={month} />
        </div>
        <div>
          <Attention />
          <Targets month={month} />
        </div>
      </div>
    </>
  );
}
