package fleet

import "time"

// TailSlots is how many models of Tail fit into the server's memory.
const TailSlots = 4

// Stale is the model of Tail that was trained longer ago than the 48 hours that are the default objective.
const Stale = "demand-pt"

// Tail are the models of the long tail, the most popular first: the same forecast for one country each, of which few get
// many requests.
func Tail() []Model {
	tail := []Model{
		{Name: "demand-de", ServiceMS: 20, LoadMS: 600},
		{Name: "demand-fr", ServiceMS: 20, LoadMS: 500},
		{Name: "demand-uk", ServiceMS: 25, LoadMS: 600},
		{Name: "demand-it", ServiceMS: 15, LoadMS: 400},
		{Name: "demand-es", ServiceMS: 20, LoadMS: 400},
		{Name: "demand-nl", ServiceMS: 10, LoadMS: 300},
		{Name: "demand-pl", ServiceMS: 15, LoadMS: 300},
		{Name: "demand-se", ServiceMS: 10, LoadMS: 200},
		{Name: "demand-at", ServiceMS: 10, LoadMS: 200},
		{Name: "demand-ch", ServiceMS: 30, LoadMS: 1800},
		{Name: "demand-pt", ServiceMS: 10, LoadMS: 100},
		{Name: "demand-ie", ServiceMS: 10, LoadMS: 100},
	}
	for i := range tail {
		tail[i].Versions, tail[i].Instances, tail[i].Spread = []int{1}, 1, 0.3
		// They are trained one after the other; of one, nobody noticed that it was left out.
		tail[i].TrainedAgo = time.Duration(2+3*i) * time.Hour
		if tail[i].Name == Stale {
			tail[i].TrainedAgo = 60 * time.Hour
		}
	}
	return tail
}
